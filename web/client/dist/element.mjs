import{BarrageError as G}from"./barrage.mjs";function f(o,e=String){try{return e(o)}catch{return typeof o}}function m(o){return new G("invalid",o)}function v(o,e,t){let{seq:i,userId:s,id:n,ts:a}=o;return s?s!==e.userId||n!==e.id?!1:n.startsWith("~")||Math.abs(a-e.ts)<=(n?12e4:0):t&&i>0&&i===e.seq}var _=/[\u202a-\u202e\u2066-\u2069]/g,J=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function p(o){return o.replace(_,"")}function w(o){let e=p(o);return J.
test(e)?`⁨${e}⁩`:e}var K=64,U=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function q({user:o,userId:e}){let t=o?.name;return typeof t!="string"?p(e):[...t.replace(/\s+/g," ").replace(U,"").
trim()].slice(0,K).join("").trim()||p(e)}function T(o){let e=2166136261;for(let t of o)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var b=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let i=Math.exp(-t/1e3);return this.rate=this.rate*i+this.count*1e3/t*(1-i),this.count=
0,this.since=e,this.rate}},k=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function P(o,e){if(o>=e*.97)return;let t=e/Math.max(o,.01);if(t>=1.75)return{part:1,whole:Math.round(t)};let i=Math.min(9,Math.max(2,Math.round(o/(e-o))));return{
part:i,whole:i+1}}function R(o,e){return o.from-o.speed*(e-o.at)}var $=4,M=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/$)}clear(){this.last.fill(void 0)}place(e,t,i,s=0){
let n=Math.ceil(e.height/$),a=this.width+s;for(let r=0;r+n<=this.strips;r+=n){if(this.firstTaken(r,n,a,t,i)>=0)continue;let d={...e,speed:t,from:a,at:i,top:r*$};for(let l=r;l<r+n;l++)this.last[l]=d;return d}}firstTaken(e,t,i,s,n){
let a;for(let r=e;r<e+t;r++){let h=this.last[r];if(!(h===a||!h)){if(!this.staysBehind(h,i,s,n))return r;a=h}}return-1}staysBehind(e,t,i,s){let n=R(e,s)+e.width+this.gap;return n>t?!1:n<=0||i<=e.speed?
!0:t-i*(n/e.speed)>=0}};var Y=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],E=1.4,Z='system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHe\
i", "Noto Sans CJK SC", sans-serif',A=12,x=60,Q=120,V=900,X=8e3,S=class{constructor(e){this.canvas=e;this.context=e.getContext("2d")}canvas;tracks=new M(A);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;offered=new b;shown=new b;blank=!0;pictures;look={
family:Z,times:1,speed:1};resize(){let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),this.canvas.
height=Math.round(t*this.scale),this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()}),this.waiting.length<=Q)return;let t=this.waiting.findIndex(
i=>i.comment.look!=="mine");this.waiting.splice(Math.max(0,t),1)}remove(e){this.drop(t=>v(e,t,!0))}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.
message)&&(t.sprite.width=1)}clear(){this.waiting=[],this.flyers=[],this.tracks.clear()}share(e){let t=this.offered.perSecond(e),i=this.shown.perSecond(e);return t<3?void 0:P(i,t)}draw(e){this.launch(
e);let{context:t,scale:i}=this;this.blank||t.clearRect(0,0,this.canvas.width,this.canvas.height),this.blank=this.flyers.length===0;let s=0;for(let n of this.flyers){let a=R(n.flight,e);if(a+n.flight.width<
0){this.spare.length<64&&this.spare.push(n.sprite);continue}this.flyers[s++]=n,a<this.width&&t.drawImage(n.sprite,a*i,n.flight.top*i+4*i)}this.flyers.length=s}launch(e){if(this.waiting=this.waiting.filter(
r=>e-r.since<(r.comment.look==="mine"?X:V)),!this.waiting.length||!this.width)return;let t=this.density(e),i=Math.max(2,Math.ceil(this.waiting.length/6)),s=4,n=r=>+(r.comment.look==="mine"),a=this.waiting.
sort((r,h)=>n(h)-n(r));this.waiting=[];for(let r of a)i>0&&s>0&&this.fly(r.comment,t,e)?i--:(s--,this.waiting.push(r))}get base(){return .05+this.width/12e3}fly(e,{font:t,track:i,speed:s},n){let a=this.
partsOf(te(e));this.context.font=`600 ${t}px ${this.look.family}`;let r=Math.ceil(a.reduce((l,c)=>l+this.widthOf(c,t),0))+L(e,t)*2,h=1+.3*Math.min(1,r/this.width),d=this.tracks.place({width:r,height:i},
this.base*s*h,n,Math.random()*60);return d?(this.ems+=(r/t-this.ems)*.02,this.shown.add(),this.flyers.push({comment:e,flight:d,sprite:this.paint(e,a,t,d)}),!0):!1}density(e){let t=this.offered.perSecond(
e),{times:i,speed:s}=this.look,n=Y.map(({font:r,track:h,speed:d})=>({font:r*i,track:h*i,speed:d*s}));return n.find(({font:r,track:h,speed:d})=>{let l=(this.ems*r+A)/(this.base*d*1e3);return t<.75*Math.
floor(this.height/h)/l})??n[n.length-1]}partsOf(e){let t=this.pictures?.in(e)??[],i=[];if(!t.length||w(e)!==e)return[e];let s=0;for(let[n,a,r]of t){let h=this.pictures.of(r);h&&(i.push(e.slice(s,n),h),
s=a)}return[...i,e.slice(s)].filter(n=>n!=="")}widthOf(e,t){return typeof e=="string"?this.context.measureText(e).width:E*t}paint(e,t,i,{width:s,height:n}){let a=this.spare.pop()??document.createElement(
"canvas"),r=a.getContext("2d");a.width=Math.ceil(s*this.scale),a.height=Math.ceil(n*this.scale),r.scale(this.scale,this.scale),e.look!=="plain"&&(r.fillStyle=e.look==="mine"?"rgb(82 70 214 / .62)":"rg\
b(160 96 0 / .62)",r.strokeStyle=e.look==="mine"?"#cfc9ff":"#ffd873",r.lineWidth=1.5,r.beginPath(),r.roundRect(1,1,s-2,n-2,n/2),r.fill(),r.stroke()),r.font=`600 ${i}px ${this.look.family}`,r.textBaseline=
"middle",r.lineJoin="round",r.lineWidth=i/6,r.strokeStyle="rgb(8 6 24 / .72)",r.fillStyle=e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.hue})`;let h=n/2+1,d=E*i,l=L(e,i);for(let c of t)
typeof c=="string"?(r.strokeText(c,l,h),r.fillText(c,l,h)):r.drawImage(c,l,h-d/2,d,d),l+=t.length>1?this.widthOf(c,i):0;return a}};function L(o,e){return o.look==="plain"?3:e*.7}var ee=new Intl.Segmenter;
function te({text:o,who:e}){return(e?`${w(e)} `:"")+w(ie(o))}function ie(o){let e=o.replace(/\s+/g," ");if(e.length<=x)return e;let t=[...ee.segment(e.slice(0,4*x))].map(i=>i.segment);return t.length<=
x?e:`${t.slice(0,x).join("")}…`}function I({userId:o,ts:e},t){return o!==""&&o===t.userId&&t.since<=e&&e<=t.until}var H=30,ne=22,z=1e3,B=600,se=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; overflow: clip; overflow-clip-margin: .2em; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${B}ms var(--barrage-fade) both; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,C=class{#e;#t;#s;#r;#o;#a;#c=new k(H,2*H);#h;#n=[];#i=[];#d=[];#l=()=>"";#u=0;#m=-z;#f=!1;constructor(e,t={}){if(typeof e?.append!="function")throw m(`cannot make an overlay: its place is ${f(e)}, w\
ant an element or a shadow root`);if(typeof t!="object"||t===null)throw m(`cannot make an overlay: the options are no object but ${f(t)}`);let{look:i="fly",lines:s=8,fadeMs:n=0,area:a=1,size:r,font:h,
accent:d,hide:l=()=>!1}=t;if(!["fly","list","both"].includes(i))throw m(`cannot make an overlay: look is ${f(i)}, want fly, list or both`);if(O("lines",s,1,100),O("fadeMs",n,0,36e5),O("area",a,.1,1),r!==
void 0&&O("size",r,8,200),typeof l!="function")throw m(`cannot make an overlay: hide is no function but ${f(l)}`);this.#r=Math.floor(s),this.#o=n,this.#a=l;let c=this.#e=g("div",`barrage${n>0?" barrag\
e-fades":""}`),N={size:r&&`${r}px`,font:h,accent:d,fade:`${n}ms`,area:t.area&&String(a)};for(let[u,y]of Object.entries(N))y&&c.style.setProperty(`--barrage-${u}`,y);if(i!=="list"){let u=g("canvas","ba\
rrage-sky");u.ariaHidden="true",c.append(u);let y=this.#t=new S(u);this.#h=new ResizeObserver(()=>y.resize()),this.#h.observe(u)}let D=globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches;
(i!=="fly"||D)&&c.append(this.#s=g("ol","barrage-list")),e.append(c),this.#u=requestAnimationFrame(u=>this.#g(u))}show(e){if(typeof e?.on!="function")throw m(`cannot show a room: it is ${f(e)}, want a\
 Room or a Replay`);this.clear(),this.#l=()=>e.epoch;let t=i=>this.#p(i);this.#d=[e.on("message",(i,{history:s})=>this.#b(i,e.epoch,s,e.date??Date.now())),e.on("recalled",i=>t((s,n)=>v(i,s,n===e.epoch))),
e.on("purged",i=>t(s=>I(s,i))),e.on("cleared",i=>t((s,n)=>n!==i.epoch||s.seq<=i.seq))]}clear(){for(let e of this.#d.splice(0))e();this.#p(()=>!0),this.#t?.clear()}close(){this.clear(),cancelAnimationFrame(
this.#u),this.#h?.disconnect(),this.#e.remove()}#b(e,t,i,s){if(e.recalled||this.#a(e))return;let n=e.kind==="system",a=performance.now(),r=i?Math.max(0,s-e.ts):0;if(this.#s&&(this.#o===0||r<this.#o)&&
(n||i||this.#c.take(a))&&(this.#i.push({message:e,epoch:t,node:this.#y(e,r),endsAt:this.#o>0?a+this.#o-r+B:1/0}),this.#i.length>2*this.#r&&(this.#i=this.#i.slice(-this.#r))),i||document.hidden)return;
let h=e.kind==="gift";this.#t?.add({message:e,text:e.body,...h?{who:q(e)}:{},look:h||n?"gift":"plain",hue:T(e.userId)})}#y(e,t){let i=e.kind==="system",s=g("li",`barrage-row barrage-kind-${F(e.kind)}${i?
" barrage-said":""}`),n=e.user?.role;return typeof n=="string"&&n&&s.classList.add(`barrage-role-${F(n)}`),s.style.setProperty("--barrage-hue",String(T(e.userId))),t>0&&(s.style.animationDelay=`${this.#o-
t}ms`),s.part.add("row"),i||s.append(g("b","barrage-name",q(e))," "),s.append(g("span","barrage-text",p(e.body))),s}#p(e){let t=({message:i,epoch:s,node:n})=>e(i,s)?(n.remove(),!1):!0;this.#n=this.#n.
filter(t),this.#i=this.#i.filter(t),this.#t?.drop(i=>e(i,this.#l()))}#v(){if(this.#f=this.#e.isConnected,!this.#f||getComputedStyle(this.#e).position!=="static")return;let e=this.#e.getRootNode(),t=new CSSStyleSheet;
t.replaceSync(`@layer barrage { ${se} }`),e.adoptedStyleSheets=[...e.adoptedStyleSheets,t]}#w(e,t){if(t-this.#m>=z){let{fontFamily:i,fontSize:s}=getComputedStyle(this.#e);e.look={family:i,times:parseFloat(
s)/ne,speed:1},this.#m=t}e.draw(performance.now())}#g(e){if(this.#u=requestAnimationFrame(n=>this.#g(n)),this.#f||this.#v(),this.#t&&this.#w(this.#t,e),!this.#s)return;let t=this.#n.length>0&&this.#n[0].
endsAt<=e;if(this.#i.length===0&&!t)return;let i=[...this.#n,...this.#i.splice(0)],s=i.filter(({endsAt:n})=>n>e).slice(-this.#r);for(let n of i)s.includes(n)||n.node.remove();for(let{node:n}of s)n.isConnected||
this.#s.append(n);this.#n=s}};function O(o,e,t,i){if(!(typeof e=="number"&&e>=t&&e<=i))throw m(`cannot make an overlay: ${o} is ${f(e)}, want ${t} to ${i}`)}function F(o){return o.replace(/[^\w-]/g,"_").
slice(0,32)}function g(o,e,t=""){let i=document.createElement(o);return i.className=e,t&&(i.dir="auto",i.textContent=t),i}import{Room as re}from"./barrage.mjs";var oe=":host { display: block; position: relative; min-height: 1em; } :host([hidden]) { display: none; }",ae=["room","url","user-id","token","look","lines","fade",
"area","size","font","accent"],he=globalThis.HTMLElement??class{},j=class extends he{static observedAttributes=ae;#e;#t;#s;#r=!1;get live(){return this.#t}get getToken(){return this.#e}set getToken(e){
this.#e=e,this.#a()}connectedCallback(){this.#o(),this.#a()}disconnectedCallback(){this.#a()}attributeChangedCallback(){this.#a()}#o(){if(!Object.hasOwn(this,"getToken"))return;let e=this,t=e.getToken;
delete e.getToken,this.getToken=t}#a(){this.#r||(this.#r=!0,queueMicrotask(()=>{this.#r=!1,this.#h(),this.isConnected&&this.getAttribute("room")&&this.#c()}))}#c(){try{let e=this.#s=new C(this.#i(),this.#d()),
t=this.#t=new re(this.#l());e.show(t),t.on("error",i=>this.#n(i)),t.connect()}catch(e){this.#h(),this.#n(e)}}#h(){this.#s?.close(),this.#t?.close(),this.#s=this.#t=void 0}#n(e){this.dispatchEvent(new CustomEvent(
"barrage-error",{detail:e}))}#i(){if(this.shadowRoot)return this.shadowRoot;let e=this.attachShadow({mode:"open"}),t=new CSSStyleSheet;return t.replaceSync(oe),e.adoptedStyleSheets=[t],e}#d(){let e=(i,s=1)=>this.
hasAttribute(i)?Number(this.getAttribute(i))*s:void 0,t={look:this.getAttribute("look")??void 0,lines:e("lines"),fadeMs:e("fade",1e3),area:e("area"),size:e("size"),font:this.getAttribute("font")??void 0,
accent:this.getAttribute("accent")??void 0};return W(t)}#l(){let[e,t,i,s]=["room","url","user-id","token"].map(n=>this.getAttribute(n)??void 0);return W({room:e,url:t,userId:i,...this.#e?{getToken:this.#e}:
{token:s}})}};function W(o){return Object.fromEntries(Object.entries(o).filter(([,e])=>e!==void 0))}globalThis.customElements&&!customElements.get("barrage-room")&&customElements.define("barrage-room",
j);export{j as BarrageRoom};
