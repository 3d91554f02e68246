import{BarrageError as G}from"./barrage.mjs";function f(o,e=String){try{return e(o)}catch{return typeof o}}function m(o){return new G("invalid",o)}function J(o,e){let t=o(),n=e(),i=0;return()=>{let s=o(),a=e(),r=a-n-(s-t);return r>1e3&&(i+=r),t=s,n=a,t+i}}var k=J(()=>performance.now(),()=>Date.now());function P(o,e,t){let{seq:n,userId:i,id:s,ts:a}=o;return i?i!==e.userId||s!==e.id?!1:s.startsWith("~")||Math.abs(a-e.ts)<=(s?12e4:0):t&&n>0&&n===e.seq}var M=/:([A-Za-z0-9_+-]{1,32}):/g;var K=globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");function Z(o){let e=document.createElement("canvas"),{naturalWidth:t,naturalHeight:n,className:i,title:s,alt:a}=o,r=Math.min(n,128);return Object.
assign(e,{className:i,title:s,height:r,width:t*r/n},a?{role:"img",ariaLabel:a}:{ariaHidden:"true"}),e.getContext("2d").drawImage(o,0,0,e.width,r),e}var b=class{#t;#e;#r=new Map;#n=new Map;#i=!1;constructor(e,t){
this.#t=e,this.#e=t}async load(){if(!this.#i){this.#i=!0;try{let e=i=>new URL(i,this.#t).href,t=await fetch(e("emotes"));if(!t.ok)throw t;let n=await t.json();for(let i in n)this.#n.set(i,e(n[i]));this.#n.
size&&this.#e([...this.#n.keys()])}catch{setTimeout(()=>this.#i=!1,6e4)}}}in(e){let t=[];M.lastIndex=0;for(let n;t.length<50&&(n=M.exec(e));)this.#n.has(n[1])?t.push([n.index,M.lastIndex,n[1]]):(M.lastIndex--,
this.load());return t}image(e,t="emote"){let n=new Image;return n.className=t,n.alt=n.title=`:${e}:`,n.crossOrigin="",n.src=this.#n.get(e),K?.matches&&(n.onload=()=>n.replaceWith(Z(n))),n}of(e){let t=this.#r.
get(e)??this.image(e);return this.#r.set(e,t),t.complete&&t.naturalWidth>0?t:void 0}};var U=/[\u202a-\u202e\u2066-\u2069]/g,Q=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function g(o){return o.replace(U,"")}function x(o){let e=g(o);return Q.
test(e)?`⁨${e}⁩`:e}var V=64,X=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function L({user:o,userId:e}){let t=o?.name;return typeof t!="string"?g(e):[...t.replace(/\s+/g," ").replace(X,"").
trim()].slice(0,V).join("").trim()||g(e)}function $(o){let e=2166136261;for(let t of o)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var y=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let n=Math.exp(-t/1e3);return this.rate=this.rate*n+this.count*1e3/t*(1-n),this.count=
0,this.since=e,this.rate}},S=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function R(o,e){return o.from-o.speed*(e-o.at)}var H=4,T=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/H)}clear(){this.last.fill(void 0)}place(e,t,n,i=0){
let s=Math.ceil(e.height/H),a=this.width+i;for(let r=0;r+s<=this.strips;r+=s){if(this.firstTaken(r,s,a,t,n)>=0)continue;let l={...e,speed:t,from:a,at:n,top:r*H};for(let d=r;d<r+s;d++)this.last[d]=l;return l}}firstTaken(e,t,n,i,s){
let a;for(let r=e;r<e+t;r++){let h=this.last[r];if(!(h===a||!h)){if(!this.staysBehind(h,n,i,s))return r;a=h}}return-1}staysBehind(e,t,n,i){let s=R(e,i)+e.width+this.gap;return s>t?!1:s<=0||n<=e.speed?
!0:t-n*(s/e.speed)>=0}};var Y=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],ee=1.4,te=3,I=12,O=60,ne=120,ie=900,se=8e3,q=class{constructor(e){this.canvas=
e;this.context=e.getContext("2d")}canvas;tracks=new T(I);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;blank=!0;stood=0;offered=new y;shown=new y;pictures;look={family:"sans-ser\
if",times:1,speed:1};resize(){let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),this.canvas.
height=Math.round(t*this.scale),this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()-this.stood}),this.waiting.length<=ne)return;let t=this.waiting.
findIndex(n=>n.comment.look!=="mine");this.waiting.splice(Math.max(0,t),1)}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.message)&&(t.sprite.width=
1)}clear(){this.waiting=[],this.flyers=[],this.tracks.clear()}stand(e){this.stood+=e}draw(e){let t=e-this.stood;this.launch(t);let{context:n,scale:i}=this;this.blank||n.clearRect(0,0,this.canvas.width,
this.canvas.height),this.blank=this.flyers.length===0;let s=0;for(let a of this.flyers){let r=R(a.flight,t);if(r+a.flight.width<0){this.spare.length<64&&this.spare.push(a.sprite);continue}this.flyers[s++]=
a,r<this.width&&n.drawImage(a.sprite,r*i,a.flight.top*i+4*i)}this.flyers.length=s}launch(e){if(this.waiting=this.waiting.filter(r=>e-r.since<(r.comment.look==="mine"?se:ie)),!this.waiting.length||!this.
width)return;let t=this.density(e),n=Math.max(2,Math.ceil(this.waiting.length/6)),i=4,s=r=>+(r.comment.look==="mine"),a=this.waiting.sort((r,h)=>s(h)-s(r));this.waiting=[];for(let r of a)n>0&&i>0&&this.
fly(r.comment,t,e)?n--:(i--,this.waiting.push(r))}get base(){return .05+this.width/12e3}fly(e,{font:t,track:n,speed:i},s){let a=this.partsOf(oe(e));this.context.font=`600 ${t}px ${this.look.family}`;let r=Math.
ceil(a.reduce((d,c)=>d+this.widthOf(c,t),0))+A(e,t)*2,h=1+.3*Math.min(1,r/this.width),l=this.tracks.place({width:r,height:n},this.base*i*h,s,Math.random()*60);return l?(this.ems+=(r/t-this.ems)*.02,this.
shown.add(),this.flyers.push({comment:e,flight:l,sprite:this.paint(e,a,t,l)}),!0):!1}density(e){let t=this.offered.perSecond(e),{times:n,speed:i}=this.look,s=Y.map(({font:r,track:h,speed:l})=>({font:r*
n,track:h*n,speed:l*i}));return s.find(({font:r,track:h,speed:l})=>{let d=(this.ems*r+I)/(this.base*l*1e3);return t<.75*Math.floor(this.height/h)/d})??s[s.length-1]}partsOf(e){let t=this.pictures?.in(
e)??[],n=[];if(!t.length||x(e)!==e)return[e];let i=0;for(let[s,a,r]of t){let h=this.pictures.of(r);h&&(n.push(e.slice(i,s),h),i=a)}return[...n,e.slice(i)].filter(s=>s!=="")}widthOf(e,t){return typeof e==
"string"?this.context.measureText(e).width:ee*t*Math.min(te,e.naturalWidth/e.naturalHeight)}paint(e,t,n,{width:i,height:s}){let a=this.spare.pop()??document.createElement("canvas"),r=a.getContext("2d");
a.width=Math.ceil(i*this.scale),a.height=Math.ceil(s*this.scale),r.scale(this.scale,this.scale),e.look!=="plain"&&(r.fillStyle=e.look==="mine"?"rgb(82 70 214 / .62)":"rgb(160 96 0 / .62)",r.strokeStyle=
e.look==="mine"?"#cfc9ff":"#ffd873",r.lineWidth=1.5,r.beginPath(),r.roundRect(1,1,i-2,s-2,s/2),r.fill(),r.stroke()),r.font=`600 ${n}px ${this.look.family}`,r.textBaseline="middle",r.lineJoin="round",r.
lineWidth=n/6,r.strokeStyle="rgb(8 6 24 / .72)",r.fillStyle=e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.hue})`;let h=s/2+1,l=A(e,n);for(let d of t){let c=t.length>1||typeof d!=
"string"?this.widthOf(d,n):0;if(typeof d=="string")r.strokeText(d,l,h),r.fillText(d,l,h);else{let v=c*d.naturalHeight/d.naturalWidth;r.drawImage(d,l,h-v/2,c,v)}l+=c}return a}};function A(o,e){return o.
look==="plain"?3:e*.7}var re=new Intl.Segmenter;function oe({text:o,who:e}){return(e?`${x(e)} `:"")+x(ae(o))}function ae(o){let e=o.replace(/\s+/g," ");if(e.length<=O)return e;let t=[...re.segment(e.slice(
0,4*O))].map(n=>n.segment);return t.length<=O?e:`${t.slice(0,O).join("")}…`}function z({userId:o,ts:e},t){return o!==""&&o===t.userId&&t.since<=e&&e<=t.until}var F=30,he=22,W=1e3,B=600,de=200,le=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; overflow: clip; overflow-clip-margin: .2em; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-emote { height: 1.4em; max-width: 4.2em; vertical-align: middle; object-fit: contain; }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${B}ms var(--barrage-fade) both; }
.barrage-stands .barrage-row { animation-play-state: paused; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,E=class{#t;#e;#r;#n;#i;#a;#u=new S(F,2*F);#h;#o=[];#s=[];#d=[];#l=()=>"";#g=()=>{};#p=Date.now()-k();#k={date:void 0,since:0,drawn:0};#c=new b("",()=>{});#f=0;#b=-W;#m=!1;constructor(e,t={}){if(typeof e?.
append!="function")throw m(`cannot make an overlay: its place is ${f(e)}, want an element or a shadow root`);if(typeof t!="object"||t===null)throw m(`cannot make an overlay: the options are no object \
but ${f(t)}`);let{look:n="fly",lines:i=8,fadeMs:s=0,area:a=1,size:r,font:h,accent:l,hide:d=()=>!1}=t;if(!["fly","list","both"].includes(n))throw m(`cannot make an overlay: look is ${f(n)}, want fly, l\
ist or both`);if(C("lines",i,1,100),C("fadeMs",s,0,36e5),C("area",a,.1,1),r!==void 0&&C("size",r,8,200),typeof d!="function")throw m(`cannot make an overlay: hide is no function but ${f(d)}`);this.#n=
Math.floor(i),this.#i=s,this.#a=d;let c=this.#t=p("div",`barrage${s>0?" barrage-fades":""}`),v={size:r&&`${r}px`,font:h,accent:l,fade:`${s}ms`,area:t.area&&String(a)};for(let[u,w]of Object.entries(v))
w&&c.style.setProperty(`--barrage-${u}`,w);if(n!=="list"){let u=p("canvas","barrage-sky");u.ariaHidden="true",c.append(u);let w=this.#e=new q(u);this.#h=new ResizeObserver(()=>w.resize()),this.#h.observe(
u)}let _=globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches;(n!=="fly"||_)&&c.append(this.#r=p("ol","barrage-list")),e.append(c),this.#f=requestAnimationFrame(u=>this.#w(u))}show(e){if(typeof e?.
on!="function")throw m(`cannot show a room: it is ${f(e)}, want a Room or a Replay`);this.clear(),this.#l=()=>e.epoch,this.#g=()=>e.date,this.#c=new b(e.url??"",()=>{for(let{node:n,message:i}of[...this.#o,
...this.#s])this.#y(n.lastChild,i)}),this.#e&&(this.#e.pictures=this.#c);let t=n=>this.#v(n);this.#d=[e.on("message",(n,{history:i})=>{i||(this.#p=n.ts-k()),this.#M(n,e.epoch,i,e.date??k()+this.#p)}),
e.on("recalled",n=>t((i,s)=>P(n,i,s===e.epoch))),e.on("purged",n=>t(i=>z(i,n))),e.on("cleared",n=>t((i,s)=>s!==n.epoch||i.seq<=n.seq))]}clear(){for(let e of this.#d.splice(0))e();this.#v(()=>!0),this.#e?.
clear()}close(){this.clear(),cancelAnimationFrame(this.#f),this.#h?.disconnect(),this.#t.remove()}#M(e,t,n,i){if(e.recalled||this.#a(e))return;let s=e.kind==="system",a=performance.now(),r=n?Math.max(
0,i-e.ts):0;if(this.#r&&(this.#i===0||r<this.#i)&&(s||n||this.#u.take(a))&&(this.#s.push({message:e,epoch:t,node:this.#x(e,r),endsAt:this.#i>0?a+this.#i-r+B:1/0}),this.#s.length>2*this.#n&&(this.#s=this.#s.
slice(-this.#n))),n||document.hidden)return;let h=e.kind==="gift";this.#e?.add({message:e,text:e.body,...h?{who:L(e)}:{},look:h||s?"gift":"plain",hue:$(e.userId)})}#x(e,t){let n=e.kind==="system",i=p(
"li",`barrage-row barrage-kind-${N(e.kind)}${n?" barrage-said":""}`),s=e.user?.role;typeof s=="string"&&s&&i.classList.add(`barrage-role-${N(s)}`),i.style.setProperty("--barrage-hue",String($(e.userId))),
t>0&&(i.style.animationDelay=`${this.#i-t}ms`),i.part.add("row"),n||i.append(p("b","barrage-name",L(e))," ");let a=p("span","barrage-text");return a.dir="auto",this.#y(a,e),i.append(a),i}#y(e,{body:t}){
let n=g(t),i=0;e.textContent="";for(let[s,a,r]of this.#c.in(n))e.append(n.slice(i,s),this.#c.image(r,"barrage-emote")),i=a;e.append(n.slice(i))}#v(e){let t=({message:n,epoch:i,node:s})=>e(n,i)?(s.remove(),
!1):!0;this.#o=this.#o.filter(t),this.#s=this.#s.filter(t),this.#e?.drop(n=>e(n,this.#l()))}#S(){if(this.#m=this.#t.isConnected,!this.#m||getComputedStyle(this.#t).position!=="static")return;let e=this.#t.
getRootNode(),t=new CSSStyleSheet;t.replaceSync(`@layer barrage { ${le} }`),e.adoptedStyleSheets=[...e.adoptedStyleSheets,t]}#T(e,t){if(t-this.#b>=W){let{fontFamily:n,fontSize:i}=getComputedStyle(this.#t);
e.look={family:n,times:parseFloat(i)/he,speed:1},this.#b=t}e.draw(t)}#O(e){let t=this.#k,n=this.#g(),i=e-t.drawn;t.drawn=e,n!==t.date&&Object.assign(t,{date:n,since:e});let s=n!==void 0&&e-t.since>de;
if(this.#t.classList.toggle("barrage-stands",s),!!s){this.#e?.stand(i);for(let a of[...this.#o,...this.#s])a.endsAt+=i}}#w(e){if(this.#f=requestAnimationFrame(s=>this.#w(s)),this.#m||this.#S(),this.#O(
e),this.#e&&this.#T(this.#e,e),!this.#r)return;let t=this.#o.length>0&&this.#o[0].endsAt<=e;if(this.#s.length===0&&!t)return;let n=[...this.#o,...this.#s.splice(0)],i=n.filter(({endsAt:s})=>s>e).slice(
-this.#n);for(let s of n)i.includes(s)||s.node.remove();for(let{node:s}of i)s.isConnected||this.#r.append(s);this.#o=i}};function C(o,e,t,n){if(!(typeof e=="number"&&e>=t&&e<=n))throw m(`cannot make a\
n overlay: ${o} is ${f(e)}, want ${t} to ${n}`)}function N(o){return o.replace(/[^\w-]/g,"_").slice(0,32)}function p(o,e,t=""){let n=document.createElement(o);return n.className=e,t&&(n.dir="auto",n.textContent=
t),n}import{Room as ce}from"./barrage.mjs";var ue=":host { display: block; position: relative; min-height: 1em; } :host([hidden]) { display: none; }",fe=["room","url","user-id","token","look","lines","fade",
"area","size","font","accent"],me=globalThis.HTMLElement??class{},j=class extends me{static observedAttributes=fe;#t;#e;#r;#n=!1;get live(){return this.#e}get getToken(){return this.#t}set getToken(e){
this.#t=e,this.#a()}connectedCallback(){this.#i(),this.#a()}disconnectedCallback(){this.#a()}attributeChangedCallback(){this.#a()}#i(){if(!Object.hasOwn(this,"getToken"))return;let e=this,t=e.getToken;
delete e.getToken,this.getToken=t}#a(){this.#n||(this.#n=!0,queueMicrotask(()=>{this.#n=!1,this.#h(),this.isConnected&&this.getAttribute("room")&&this.#u()}))}#u(){try{let e=this.#r=new E(this.#s(),this.#d()),
t=this.#e=new ce(this.#l());e.show(t),t.on("error",n=>this.#o(n)),t.connect()}catch(e){this.#h(),this.#o(e)}}#h(){this.#r?.close(),this.#e?.close(),this.#r=this.#e=void 0}#o(e){this.dispatchEvent(new CustomEvent(
"barrage-error",{detail:e}))}#s(){if(this.shadowRoot)return this.shadowRoot;let e=this.attachShadow({mode:"open"}),t=new CSSStyleSheet;return t.replaceSync(ue),e.adoptedStyleSheets=[t],e}#d(){let e=(n,i=1)=>this.
hasAttribute(n)?Number(this.getAttribute(n))*i:void 0,t={look:this.getAttribute("look")??void 0,lines:e("lines"),fadeMs:e("fade",1e3),area:e("area"),size:e("size"),font:this.getAttribute("font")??void 0,
accent:this.getAttribute("accent")??void 0};return D(t)}#l(){let[e,t,n,i]=["room","url","user-id","token"].map(s=>this.getAttribute(s)??void 0);return D({room:e,url:t,userId:n,...this.#t?{getToken:this.#t}:
{token:i}})}};function D(o){return Object.fromEntries(Object.entries(o).filter(([,e])=>e!==void 0))}globalThis.customElements&&!customElements.get("barrage-room")&&customElements.define("barrage-room",
j);export{j as BarrageRoom};
